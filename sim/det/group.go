package det

import (
	"io"
	"os/exec"
	"syscall"
)

// endingGroup makes a process group that ends with this process, however that ends, and
// returns its ID and what lifts that. The kernel kills a child with its parent, but not what
// the child has started: of a killed go command the compiler or the linker would work on. So
// the group's first process waits for the end of a pipe that only this process holds. It is
// there before the others: a group that is watched only once it works has a moment in which
// nobody watches it.
//
// Without a shell no group is made, and the ID is zero.
func endingGroup() (id int, lift func()) {
	watch := exec.Command("sh", "-c", `read -r _ || kill -9 "-$$"`)
	watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is this process's to answer
	held, err := watch.StdinPipe()
	if err != nil || watch.Start() != nil {
		return 0, func() {}
	}
	return watch.Process.Pid, func() {
		io.WriteString(held, "lifted\n") // in vain if it is gone
		held.Close()
		watch.Wait()
	}
}
