-- One row per backtest: the spec's errors beside those of naive and of the last close, in quote currency.
-- Those of the last close are null for adj_close, which is on another scale.
-- skill is 1 - mae / naive_mae: positive is better than naive.
-- pinball, of a spec that names quantiles, stands beside the least one of the volatility benchmarks.
with metrics as (
    select
        backtest_metrics.backtest_id,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = backtests.spec and backtest_metrics.metric = 'mae'
        ) as mae,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = 'naive' and backtest_metrics.metric = 'mae'
        ) as naive_mae,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = 'last_close' and backtest_metrics.metric = 'mae'
            and backtests.target <> 'adj_close'
        ) as last_close_mae,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = backtests.spec and backtest_metrics.metric = 'rmse'
        ) as rmse,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = 'naive' and backtest_metrics.metric = 'rmse'
        ) as naive_rmse,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = 'last_close' and backtest_metrics.metric = 'rmse'
            and backtests.target <> 'adj_close'
        ) as last_close_rmse,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = backtests.spec and backtest_metrics.metric = 'skill'
        ) as skill,
        max(backtest_metrics.value) filter (
            where backtest_metrics.model = backtests.spec and backtest_metrics.metric = 'pinball'
        ) as pinball,
        min(backtest_metrics.value) filter (
            where backtest_metrics.model in ('ewma', 'gjr_garch', 'har_fhs', 'har_quantiles')
            and backtest_metrics.metric = 'pinball'
        ) as benchmark_pinball
    from backtest_metrics
    inner join backtests on backtest_metrics.backtest_id = backtests.backtest_id
    group by backtest_metrics.backtest_id
)

select
    backtests.ticker,
    backtests.spec,
    backtests.target,
    backtests.holdout_from,
    backtests.holdout_through,
    backtests.sessions,
    metrics.mae,
    metrics.naive_mae,
    metrics.last_close_mae,
    metrics.rmse,
    metrics.naive_rmse,
    metrics.last_close_rmse,
    metrics.skill,
    metrics.pinball,
    metrics.benchmark_pinball,
    backtests.verdict,
    backtests.folds,
    backtests.epochs,
    backtests.parameters,
    backtests.train_seconds,
    backtests.seed,
    backtests.trained_from,
    backtests.cutoff,
    backtests.created_at,
    backtests.backtest_id
from backtests
inner join metrics on backtests.backtest_id = metrics.backtest_id
