-- How often the actual price lay inside the 80 and 95 % intervals of live forecasts, by month.
-- params: ticker (default: all), spec (default: all)
with judged as (
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
    judged.ticker,
    judged.spec,
    judged.session_month,
    count(*) as sessions,
    count(*) filter (where judged.actual between judged.lower_80 and judged.upper_80) as inside_80,
    count(*) filter (where judged.actual between judged.lower_95 and judged.upper_95) as inside_95
from judged
where
    (cast(:ticker as varchar) is null or judged.ticker = :ticker)
    and (cast(:spec as varchar) is null or judged.spec = :spec)
group by judged.ticker, judged.spec, judged.session_month
order by judged.ticker, judged.spec, judged.session_month
