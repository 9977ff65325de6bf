"""What the inside needs of the world, as protocols: who stands behind them is ``bootstrap``'s business."""
