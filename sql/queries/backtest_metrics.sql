-- Every metric of every backtest: one row per model (the spec or a baseline) and metric.
-- params: ticker (default: all), spec (default: all)
select
    backtests.ticker,
    backtests.spec,
    backtests.target,
    backtests.holdout_from,
    backtest_metrics.model,
    backtest_metrics.metric,
    backtest_metrics.value,
    backtests.sessions,
    backtests.epochs,
    backtests.backtest_id
from backtest_metrics
inner join backtests on backtest_metrics.backtest_id = backtests.backtest_id
where
    (cast(:ticker as varchar) is null or backtests.ticker = :ticker)
    and (cast(:spec as varchar) is null or backtests.spec = :spec)
order by
    backtests.ticker,
    backtests.spec,
    backtests.holdout_from,
    backtests.backtest_id,
    backtest_metrics.metric,
    backtest_metrics.model
