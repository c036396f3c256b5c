// Generates the SDKs of a Pulumi package from its schema: `sdks SCHEMA FOLDER LANGUAGE…`.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

const tool = "pulumi-authentik-invitations"

func main() {
	if err := generate(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(schemaFile, folder string, languages []string) error {
	bytes, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(bytes, &spec); err != nil {
		return err
	}
	pkg, err := schema.ImportSpec(spec, nil, schema.ValidationOptions{})
	if err != nil {
		return err
	}
	for _, language := range languages {
		var files map[string][]byte
		switch language {
		case "go":
			files, err = gen.GeneratePackage(tool, pkg, nil)
		case "nodejs":
			files, err = nodejs.GeneratePackage(tool, pkg, nil, nil, true, nil)
		case "python":
			files, err = python.GeneratePackage(tool, pkg, nil, nil)
		default:
			err = fmt.Errorf("unknown language %q", language)
		}
		if err != nil {
			return err
		}
		for name, content := range files {
			path := filepath.Join(folder, language, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
