// Package page makes pages to look at a run, or at many, in a browser: one file each, which
// needs no network, no server and nothing but the file itself.
//
// The code of the pages is in assets, as it is written: nothing builds it. A page is
// assets/frame.html, with the tools and the main part of its kind, the styles, the scripts and
// the data put in. Curves and distributions are drawn by report/plot.
package page

import (
	"embed"
	"fmt"
	"html"
	"io"
	"strings"
)

//go:embed assets
var assets embed.FS

// write writes a page: its title, what it is of, the scripts after those that all have, and
// its data.
func write(w io.Writer, title, kind string, data *bundle, scripts ...string) error {
	var code, style strings.Builder
	for _, name := range append([]string{"bundle.js", "common.js"}, scripts...) {
		fmt.Fprintf(&code, "\n// ---- %s\n%s", name, asset(name))
	}
	for _, name := range []string{"colors.css", "page.css", "tables.css"} {
		style.WriteString(asset(name))
	}
	tools, main, _ := strings.Cut(asset(kind+".html"), "<!-- main -->\n")
	_, err := strings.NewReplacer(
		"{{title}}", html.EscapeString(title),
		"{{kind}}", kind,
		"/*{{style}}*/", style.String(),
		"/*{{script}}*/", code.String(),
		"{{tools}}", tools,
		"{{main}}", main,
		"{{data}}", data.encode(),
	).WriteString(w, asset("frame.html"))
	return err
}

func asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic("page: there is no asset " + name)
	}
	return string(text)
}
