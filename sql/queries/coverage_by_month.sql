-- How often the actual price lay inside the 80 and 95 % intervals of live forecasts, by month.
-- params: ticker (default: all), spec (default: all)
with intervals as (
    select
        forecast_vs_actual.ticker,
        forecast_vs_actual.spec,
        forecast_vs_actual.actual,
        forecast_vs_actual.lower_80,
        forecast_vs_actual.upper_80,
        forecast_vs_actual.lower_95,
        forecast_vs_actual.upper_95,
        substr(cast(forecast_vs_actual.target_session as varchar), 1, 7) as session_month
    from forecast_vs_actual
    where forecast_vs_actual.kind = 'live' and forecast_vs_actual.lower_95 is not null
)

select
    intervals.ticker,
    intervals.spec,
    intervals.session_month,
    count(*) as sessions,
    count(*) filter (where intervals.actual between intervals.lower_80 and intervals.upper_80) as inside_80,
    count(*) filter (where intervals.actual between intervals.lower_95 and intervals.upper_95) as inside_95
from intervals
where
    (cast(:ticker as varchar) is null or intervals.ticker = :ticker)
    and (cast(:spec as varchar) is null or intervals.spec = :spec)
group by intervals.ticker, intervals.spec, intervals.session_month
order by intervals.ticker, intervals.spec, intervals.session_month
