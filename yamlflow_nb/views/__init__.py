"""snapshot → screen

A run as a tree of text, as a script-free table, and the cell magic that shows them. Views read through services only.
"""
