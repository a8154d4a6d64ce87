-- What was forecast and what happened, with the errors of naive and the last close; the latest session first.
-- params: ticker (default: all), spec (default: all)
select
    forecast_vs_actual.ticker,
    forecast_vs_actual.target,
    forecast_vs_actual.spec,
    forecast_vs_actual.kind,
    forecast_vs_actual.target_session,
    forecast_vs_actual.predicted,
    forecast_vs_actual.actual,
    forecast_vs_actual.error,
    forecast_vs_actual.naive_error,
    forecast_vs_actual.last_close_error,
    forecast_vs_actual.basis
from forecast_vs_actual
where
    (cast(:ticker as varchar) is null or forecast_vs_actual.ticker = :ticker)
    and (cast(:spec as varchar) is null or forecast_vs_actual.spec = :spec)
order by forecast_vs_actual.target_session desc, forecast_vs_actual.ticker asc, forecast_vs_actual.spec asc
