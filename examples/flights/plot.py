"""Draws the mean departure delay of each hour; the title tells which branch ran. ``picture`` is the PNG's path.

The node's bindings are names here: ``month by_hour worst_day latest_carrier folder``.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure

if worst_day is not None:
    story = f"stormy: on day {worst_day['day']} {worst_day['never_left']:.0%} never left"
else:
    story = f"routine: {latest_carrier['carrier']} was latest, {latest_carrier['delay']:.0f} min on average"

figure = Figure(figsize=(7, 3.6), layout="constrained")
axes = figure.subplots()
axes.bar(by_hour["hour"], by_hour["delay"], color="#3b6ea5")
axes.set_xlabel("planned hour of departure")
axes.set_ylabel("mean delay, minutes")
axes.set_title(f"New York, month {month} of 2013. {story}")
axes.spines[["top", "right"]].set_visible(False)

target = Path(__file__).parent / folder
target.mkdir(parents=True, exist_ok=True)
picture = target / f"delays-{month:02d}.png"
figure.savefig(picture, dpi=130)
picture = str(picture)
