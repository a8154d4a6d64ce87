-- The 20 live forecasts furthest off, in percent of the actual price, with naive's miss beside them.
-- params: ticker (default: all), spec (default: all)
select
    forecast_vs_actual.ticker,
    forecast_vs_actual.target,
    forecast_vs_actual.spec,
    forecast_vs_actual.target_session,
    forecast_vs_actual.predicted,
    forecast_vs_actual.actual,
    100.0 * abs(forecast_vs_actual.error) / forecast_vs_actual.actual as miss_percent,
    100.0 * abs(forecast_vs_actual.naive_error) / forecast_vs_actual.actual as naive_miss_percent
from forecast_vs_actual
where
    forecast_vs_actual.kind = 'live'
    and (cast(:ticker as varchar) is null or forecast_vs_actual.ticker = :ticker)
    and (cast(:spec as varchar) is null or forecast_vs_actual.spec = :spec)
order by miss_percent desc, forecast_vs_actual.forecast_id asc
limit 20
