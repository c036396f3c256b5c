/**
 * Preloaded into the Node.js processes of `pulumi`, in tests only. The Pulumi SDK loads these modules at startup, but only uses them to serialize
 * closures, to compile TypeScript, for the Automation API and to map stack traces. Without them, a `pulumi` command takes 2.5 instead of 4.5 seconds.
 */
const Module = require("node:module");

const lazyModules = new Set(["typescript", "@npmcli/arborist", "normalize-package-data", "execa", "js-yaml"]);
/** Parses the SDK's source maps for the stack trace that each resource records. */
const skippedModule = "source-map-support/register";

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request === skippedModule) return {};
  if (!lazyModules.has(request)) return load.call(this, request, ...rest);
  let loaded;
  const use = () => {
    loaded ??= load.call(this, request, ...rest);
    return loaded;
  };
  return new Proxy(() => {}, {
    get: (_target, key) => {
      // Otherwise `__importStar` copies all properties, which loads the module.
      if (key === "__esModule") return true;
      return key === "default" ? (use().default ?? use()) : Reflect.get(use(), key);
    },
    apply: (_target, self, args) => Reflect.apply(use(), self, args),
  });
};

// Instead of ts-node, which loads TypeScript. Other tests check the types, and run programs with ts-node. The language host that Go builds ignores
// `typescript: false` in Pulumi.yaml, so this also applies to programs in JavaScript.
if (process.env.PULUMI_NODEJS_TRANSPILE_ONLY !== "false") {
  delete process.env.PULUMI_NODEJS_TYPESCRIPT;
  Module._extensions[".ts"] = (module, path) => {
    const { transformFileSync } = require("@swc/core");
    const jsc = { target: "es2022", parser: { syntax: "typescript" } };
    module._compile(transformFileSync(path, { swcrc: false, jsc, module: { type: "commonjs" } }).code, path);
  };
}
