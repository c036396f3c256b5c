import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { createRequire, wrap } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";
import { packageRoot } from "./run";

type Load = (exports: object, require: (request: string) => unknown, module: { exports: object }) => void;

const scripts = new Map<string, Script>();
/** The log of the current operation (provider/common/log.ts). Each promise passes on each storage, so one per process would take most of the time. */
const storage = new AsyncLocalStorage();
const asyncHooks = {
  AsyncLocalStorage: function useStorage() {
    return storage;
  },
};

/** The package's modules with a state of their own, as in another process. Processes would take 25 times as long to start. */
export class Modules {
  readonly #loaded = new Map<string, { exports: object }>();

  /** Loads a file of `dist`, and what it requires, except for what is not the package's own: undici, and the SDK. */
  load<T extends object>(file: string): T {
    return this.#load(join(packageRoot, "dist", file)) as T;
  }

  #load(path: string): object {
    const loaded = this.#loaded.get(path);
    if (loaded) return loaded.exports;
    const module = { exports: {} };
    this.#loaded.set(path, module);
    const script = scripts.get(path) ?? new Script(wrap(readFileSync(path, "utf8")), { filename: path });
    scripts.set(path, script);
    const require = createRequire(path);
    const isShared = (request: string): boolean => !request.startsWith(".") || /\/undici-|\.json$/.test(request);
    const requireOwn = (request: string): unknown => {
      if (request === "node:async_hooks") return asyncHooks;
      return isShared(request) ? require(request) : this.#load(require.resolve(request));
    };
    (script.runInThisContext() as Load).call(module.exports, module.exports, requireOwn, module);
    return module.exports;
  }
}
