/* Dining philosophers, as Philosophers in philosophers.go: N sit at a table, each
 * takes the left fork, then the right one, eats, and puts them back in that order. */
bool taken[N]

active [N] proctype philosopher()
{
	do
	:: atomic { !taken[_pid] -> taken[_pid] = true };
	   atomic { !taken[(_pid + 1) % N] -> taken[(_pid + 1) % N] = true };
	   taken[_pid] = false;
	   taken[(_pid + 1) % N] = false
	od
}
