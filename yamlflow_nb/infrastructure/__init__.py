"""ports → the world

What stands behind the protocols of ``domain.ports``: the store (one SQLite file), the folder of large objects, the clock.
Nothing here decides anything.
"""
