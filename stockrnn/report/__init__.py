"""The report floor: what the numbers say, in words (`words`) and as one picture (`png`).

Only `png` and the modules it draws with import matplotlib; `words` and `formats` are text in, text out.
"""
