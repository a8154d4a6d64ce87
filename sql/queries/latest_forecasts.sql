-- What is forecast for the next session of each ticker, beside naive and the last close.
-- params: ticker (default: all)
select
    latest_forecasts.ticker,
    latest_forecasts.target,
    latest_forecasts.spec,
    latest_forecasts.cutoff,
    latest_forecasts.target_session,
    latest_forecasts.kind,
    latest_forecasts.predicted,
    latest_forecasts.naive,
    latest_forecasts.last_close
from latest_forecasts
where cast(:ticker as varchar) is null or latest_forecasts.ticker = :ticker
order by latest_forecasts.ticker, latest_forecasts.target, latest_forecasts.spec
