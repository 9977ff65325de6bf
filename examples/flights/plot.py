"""Draws the mean departure delay of each hour; the title tells which branch ran. ``picture`` is the PNG's path.

The node's bindings are names here: ``month by_hour worst_day latest_carrier folder``.
"""

from calendar import month_name
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.figure import Figure

if worst_day is not None:
    story = f"stormy, {worst_day['never_left']:.0%} of the flights of day {worst_day['day']} never left"
else:
    story = f"routine, {latest_carrier['carrier']} was latest: {latest_carrier['delay']:.0f} minutes on average"

figure = Figure(figsize=(7, 3.6), layout="constrained")
axes = figure.subplots()
axes.bar(by_hour["hour"], by_hour["delay"], color="#3b6ea5")
axes.set_xlabel("planned hour of departure")
axes.set_ylabel("mean delay, minutes")
axes.set_xticks(range(int(by_hour["hour"].min()), int(by_hour["hour"].max()) + 1))
axes.set_title(f"New York, {month_name[month]} 2013: {story}", loc="left", fontsize=11)
axes.spines[["top", "right"]].set_visible(False)

target = Path(__file__).parent / folder
target.mkdir(parents=True, exist_ok=True)
picture = target / f"delays-{month:02d}.png"
figure.savefig(picture, dpi=130)
picture = str(picture)
