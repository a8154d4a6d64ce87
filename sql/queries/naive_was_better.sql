-- On how many of the live sessions naive and the last close were closer than the forecast, by ticker.
-- params: ticker (default: all), spec (default: all)
-- last_close_closer is null for adj_close, which is on another scale.
select
    forecast_vs_actual.ticker,
    forecast_vs_actual.target,
    forecast_vs_actual.spec,
    count(*) as sessions,
    count(*) filter (
        where abs(forecast_vs_actual.naive_error) < abs(forecast_vs_actual.error)
    ) as naive_closer,
    case
        when forecast_vs_actual.target <> 'adj_close' then count(*) filter (
            where abs(forecast_vs_actual.last_close_error) < abs(forecast_vs_actual.error)
        )
    end as last_close_closer
from forecast_vs_actual
where
    forecast_vs_actual.kind = 'live'
    and (cast(:ticker as varchar) is null or forecast_vs_actual.ticker = :ticker)
    and (cast(:spec as varchar) is null or forecast_vs_actual.spec = :spec)
group by forecast_vs_actual.ticker, forecast_vs_actual.target, forecast_vs_actual.spec
order by forecast_vs_actual.ticker, forecast_vs_actual.target, forecast_vs_actual.spec
