"""The simulated city: Guangzhou on an ordinary day, as Muster's sources and units would report it.

It knows nothing of Muster but the public API: every source speaks with its own token (``post``), the units'
terminals hold one WebSocket (``terminal``).  Everything that happens is decided by a seed and an instant of
start (``dice``): the same two give the same city, whatever the computer's load.

``land`` outlines and towns · ``roads`` ways · ``force`` the units · ``fleet`` where they are ·
``answers`` what they say to an order · ``calls`` incidents · ``cameras`` · ``ledger`` disputes ·
``outages`` silence · ``city`` all of it together · ``run`` the process.
"""
