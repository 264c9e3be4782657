package layering

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A source is one Go file.
type source struct {
	name  string // slash-separated, from the module's root
	pkg   string // its folder, the path of its package within the module
	test  bool
	lines int
	fset  *token.FileSet
	file  *ast.File
}

// An importSpec is one import of a file.
type importSpec struct {
	path  string
	local string // the name in the file: the given one, else the path's last element
	pos   token.Pos
}

func (s source) imports() []importSpec {
	var specs []importSpec
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser has checked it
		spec := importSpec{path: p, local: path.Base(p), pos: i.Pos()}
		if i.Name != nil {
			spec.local = i.Name.Name
		}
		specs = append(specs, spec)
	}
	return specs
}

func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(pos).Line)
}

// load parses every Go file of a module, in the order of their names. What the
// go command passes over is passed over: testdata, vendor, names that begin
// with a dot or an underscore, modules within the module.
func load(root fs.FS) ([]source, error) {
	var sources []source
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && passedOver(root, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go" || strings.HasPrefix(d.Name(), "_"):
			return nil
		}
		s, err := read(root, name)
		sources = append(sources, s)
		return err
	})
	return sources, err
}

func passedOver(root fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(root, path.Join(dir, "go.mod"))
	return err == nil
}

func read(root fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return source{}, err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	return source{
		name:  name,
		pkg:   path.Dir(name),
		test:  strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(text, []byte("\n")),
		fset:  fset,
		file:  file,
	}, err
}
