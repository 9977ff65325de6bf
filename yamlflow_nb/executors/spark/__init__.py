"""What a ``pyspark`` task needs → a Spark session of its own on what is already running: Java, the application or server, jobs,
tables. Nothing of Spark is loaded before a task asks for it.
"""
