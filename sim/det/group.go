package det

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// endGroup makes a process group end with this process, however that ends, and returns what
// lifts that. The kernel kills a child with its parent, but not what the child has started:
// of a killed go command the compiler or the linker would work on. So a process waits for
// the end of a pipe that only this process holds.
func endGroup(leader int) (lift func()) {
	watch := exec.Command("sh", "-c", `read -r _ || kill -9 "-$0"`, strconv.Itoa(leader))
	watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is this process's to answer
	held, err := watch.StdinPipe()
	if err != nil || watch.Start() != nil {
		return func() {} // without a shell the group is not watched
	}
	return func() {
		io.WriteString(held, "lifted\n") // in vain if it is gone
		held.Close()
		watch.Wait()
	}
}
