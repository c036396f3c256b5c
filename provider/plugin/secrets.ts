import { inputNameAt } from "../common/secret-inputs";
import type { Properties } from "../values/properties";
import { isSecretValue, markSecrets, secretOutputsOf, toSecret } from "../values/secrets";
import type { Path } from "./struct";

/** The value of the hidden input that lists the inputs with secrets; `undefined` if there are none. */
export function secretInputNames(secrets: readonly Path[]): string[] | undefined {
  const names = new Set(secrets.map(inputNameAt));
  return names.size === 0 ? undefined : [...names].sort();
}

/** The secrets below a path: a leaf is a secret as a whole. */
type SecretTree = Map<string, SecretTree>;

/** Inputs with the values at these paths as secrets. */
export function markSecretInputs(inputs: Properties, secrets: readonly Path[]): Properties {
  const tree: SecretTree = new Map();
  for (const path of secrets) {
    let node = tree;
    for (const name of path) {
      const child: SecretTree = node.get(name) ?? new Map();
      node.set(name, child);
      node = child;
    }
  }
  return tree.size === 0 ? inputs : (mark(inputs, tree) as Properties);
}

function mark(value: unknown, secrets: SecretTree): unknown {
  if (isSecretValue(value)) return value;
  if (secrets.size === 0) return toSecret(value);
  const markItem = (key: string, item: unknown): unknown => {
    const below = secrets.get(key);
    return below === undefined ? item : mark(item, below);
  };
  if (Array.isArray(value)) return value.map((item, index) => markItem(String(index), item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, markItem(key, item)]));
}

/** Outputs with those as secrets that are always secret, or follow from a secret input. */
export function markSecretOutputs(
  outputs: Properties,
  alwaysSecret: readonly string[],
  secretInputs: readonly Path[],
): Properties {
  const names = new Set([...alwaysSecret, ...secretInputs.map(([name]) => name), ...secretOutputsOf(outputs)]);
  return markSecrets(outputs, (name) => names.has(name) && !isSecretValue(outputs[name]));
}
