"""Reports of forecasts, backtests and the live record: in words (`words`, `pages`) and as pictures.

The pictures are `ticker_report`, `leaderboard` and `comparison`; only these and the modules that they draw with
import matplotlib; `words` and `formats` are text in, text out.
"""
