"""decisions → the world → facts

The one place where the pure machine meets threads, clocks and the store. A turn takes all that has arrived, lets ``decide``
look at each fact, commits everything at once, and only then hands out work and timers.
"""
