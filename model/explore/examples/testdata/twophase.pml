/* Two-phase commit among N resource managers, as TwoPhase in twophase.go. */
mtype = { working, prepared, committed, aborted, undecided }

mtype rm[N] = working
bool sent[N]	/* Prepared was sent by the resource manager */
bool known[N]	/* and was received by the transaction manager */
mtype tm = undecided
bool commit, abort	/* were sent */
byte prepares	/* number of known ones */

active [N] proctype manager()
{
	do
	:: d_step { rm[_pid] == working -> rm[_pid] = prepared; sent[_pid] = true }
	:: d_step { rm[_pid] == working -> rm[_pid] = aborted }
	:: d_step { commit -> rm[_pid] = committed }
	:: d_step { abort -> rm[_pid] = aborted }
	:: d_step { tm == undecided && sent[_pid] && !known[_pid] -> known[_pid] = true; prepares++ }
	od
}

active proctype transaction()
{
	do
	:: d_step { tm == undecided && prepares == N -> tm = committed; commit = true }
	:: d_step { tm == undecided -> tm = aborted; abort = true }
	od
}
