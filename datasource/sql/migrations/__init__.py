"""Migrations, written by hand: ``main/`` and ``positions/`` are two histories, ``NNNN_what.py`` numbered without gaps."""
