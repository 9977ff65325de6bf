-- The year, month by month and airport by airport: how many flights left, how late they were, how windy it was.
SELECT f.month,
       f.origin,
       count(*)                                          AS flights,
       count_if(f.dep_delay IS NULL) / count(*)          AS never_left,
       percentile_approx(f.dep_delay, 0.9)               AS late_one_in_ten,
       round(avg(w.wind_speed), 2)                       AS wind_speed
FROM flights f
LEFT JOIN weather w USING (origin, year, month, day, hour)
WHERE f.distance >= :shortest
GROUP BY f.month, f.origin
ORDER BY f.month, f.origin
