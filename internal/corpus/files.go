package corpus

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// ErrBusy says that another process has a corpus open.
var ErrBusy = errors.New("another campaign is at work there")

// lockDir locks a directory until the file is closed or the process ends, in
// whatever way: nothing is left behind that a later process would have to judge.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the corpus %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// Slug makes a text fit for the name of a folder: what is no letter becomes a
// hyphen, since numbers in messages tell runs apart and not what went wrong.
func Slug(text string) string {
	const longest = 60
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' })
	slug := ""
	for _, word := range words {
		if len(slug)+len(word) >= longest {
			break
		}
		slug = strings.TrimPrefix(slug+"-"+word, "-")
	}
	return slug
}
