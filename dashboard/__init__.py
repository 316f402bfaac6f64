"""The command centre without its technology: rules, lifecycles, commands, views."""
