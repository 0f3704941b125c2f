"""The pure core: define, plan, check, schedule, report. Nothing here acts, sleeps, opens or logs."""
