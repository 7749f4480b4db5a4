"""The networks, one straight builder a module."""
