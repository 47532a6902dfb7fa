"""Every pause and time limit that a person feels: when tokens renew, how long locks are waited for.

The profile's own `margin` and `login_timeout` are in the configuration. All times are in seconds.
"""

from __future__ import annotations

# Of a token's life, the share at its end in which it is served and refreshed in the background.
STALE_SHARE = 0.2
# That time begins up to this share of the life earlier, for each person at another moment: thousands who log in at nine
# do not all ask their issuer in the same minute.
STALE_SPREAD = 0.05
# A refresh is waited for in the profile's margin before expiry, which is never more than this share of the life.
MARGIN_SHARE = 0.1
# How far clocks commonly differ: a token obtained further ahead than this is not taken for young.
FUTURE_SECONDS = 60.0

# How long an issuer that could not be reached is left alone, while there is still a token to serve.
RETRY_SECONDS = 30.0
# One refresh, with every attempt and every pause. kubectl waits for it.
REFRESH_SECONDS = 25.0
REFRESH_PAUSES = (0.5, 2.0)
# An issuer that asks for a longer pause is not asked again in this call.
LONGEST_REFRESH_PAUSE = 5.0
# kubectl calls several times for one command: a call this soon after a failure makes no second attempt.
JUST_NOW_SECONDS = 10.0

# How long a process waits for another one's refresh: longer than a refresh takes with everything it tries.
LOCK_SECONDS = 30.0
# A process that waits for another one's login waits this much longer than that login may take.
LOGIN_GRACE_SECONDS = 5.0
# A shorter wait is not worth a line on the terminal.
NOTIFY_AFTER_SECONDS = 1.0
# A browser with a session at the issuer is back by then; an issuer that refuses client or redirect URI sends nothing.
UNANSWERED_SECONDS = 15.0

# After a failed login, `get-token` opens no other for this long; each further failure doubles it.
FIRST_COOLDOWN_SECONDS = 30.0
LONGEST_COOLDOWN_SECONDS = 600.0
