package calibrate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long processes have to end their servers when the command is interrupted.
const grace = 10 * time.Second

// follow runs a command and tells of its steps, which are lines such as "3/20 the etcd" of its standard output, with an
// estimate of how long it still takes. What it has started ends with it.
func follow(ctx context.Context, cmd *exec.Cmd, progress func(string)) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // all may have ended
	steps(out, time.Now, progress)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return errors.New(last(complaints.String(), err.Error()))
	}
	return nil
}

// steps tells of lines until there are no more.
func steps(out io.Reader, now func() time.Time, progress func(string)) {
	var begun time.Time // when the first step was over: building is none
	first := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var done, total int
		if n, _ := fmt.Sscanf(lines.Text(), "%d/%d", &done, &total); n != 2 {
			continue // what a server says
		}
		left := ""
		if begun.IsZero() {
			begun, first = now(), done
		} else if done > first {
			each := now().Sub(begun) / time.Duration(done-first)
			left = fmt.Sprintf(", some %s to go", (each * time.Duration(total-done)).Round(time.Second))
		}
		progress("measured: " + lines.Text() + left)
	}
}

// last is the last complaint of the command that measures, or else of whoever has one, or else something else.
func last(complaints, otherwise string) (line string) {
	line, measures := otherwise, false
	for one := range strings.Lines(complaints) {
		one = strings.TrimSpace(one)
		ours, is := strings.CutPrefix(one, "cost: ")
		if is || one != "" && !measures {
			line, measures = ours, measures || is
		}
	}
	return line
}
