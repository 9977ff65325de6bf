"""Node `train`, once for each airport: a small model of which departures are late, trained on two days of three.

The node's bindings are names here: ``known airport``.
"""

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

columns = ["hour", "distance", "wind_speed", "precip", "visib", "carrier_late"]
here = known[known["origin"] == airport]
# Days are kept whole: delays of one day hang together.
train = here["day"] % 3 != 0
model = make_pipeline(StandardScaler(), LogisticRegression())
model.fit(here.loc[train, columns], here.loc[train, "late"])
chance = model.predict_proba(here.loc[~train, columns])[:, 1]
score = round(float(roc_auc_score(here.loc[~train, "late"], chance)), 3)
weights = {name: round(float(weight), 3) for name, weight in zip(columns, model[-1].coef_[0])}
