"""snapshot → screen

A run in its cell: `picture` (layout, boxes, mosaic) and `html` make a `bundle`, `live_view` keeps the cell's output up to date,
`magics` and `commands` are what a person types. Views read through services only.
"""
