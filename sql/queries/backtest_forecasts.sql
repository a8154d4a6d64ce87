-- One row per held-out session of each backtest: the actual price, the forecast, naive and the last close.
-- params: ticker (default: all), spec (default: all)
select
    backtests.ticker,
    backtests.spec,
    backtests.target,
    backtest_forecasts.target_session,
    backtest_forecasts.actual,
    backtest_forecasts.predicted,
    backtest_forecasts.naive,
    backtest_forecasts.last_close,
    backtest_forecasts.predicted - backtest_forecasts.actual as error,
    backtest_forecasts.naive - backtest_forecasts.actual as naive_error,
    backtests.backtest_id
from backtest_forecasts
inner join backtests on backtest_forecasts.backtest_id = backtests.backtest_id
where
    (cast(:ticker as varchar) is null or backtests.ticker = :ticker)
    and (cast(:spec as varchar) is null or backtests.spec = :spec)
order by backtests.ticker, backtests.spec, backtests.backtest_id, backtest_forecasts.target_session
