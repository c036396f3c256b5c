import * as z from "zod";
import { signatureKey } from "../common/reserved-strings";
import { isJsonObject, maxDepth, tooDeep, unpairedSurrogate } from "./json";

/** An invitation's `fixedData`: any JSON object that authentik can store and return unchanged. */
export const fixedData = z.unknown().superRefine((value, context) => {
  if (!isJsonObject(value)) {
    context.addIssue({ code: "custom", message: "must be an object" });
    return;
  }
  for (const { path, message } of findIssues(value, [])) context.addIssue({ code: "custom", path, message });
});

type Path = readonly (string | number)[];

function* findIssues(value: unknown, path: Path): Generator<{ path: (string | number)[]; message: string }> {
  const issue = (message: string): { path: (string | number)[]; message: string } => ({ path: [...path], message });
  if (path.length > maxDepth) {
    yield { path: path.slice(0, 3), message: tooDeep };
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) yield issue("must be a finite number");
    else if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      yield issue(
        "must be within ±9007199254740991 (2^53 - 1): Pulumi cannot represent larger integers exactly, and authentik cannot read back integers beyond 64 bits. Use a string",
      );
    }
  } else if (typeof value === "string") {
    const forbidden = forbiddenCharacter(value);
    if (forbidden) yield issue(`must not contain ${forbidden}`);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* findIssues(item, [...path, index]);
  } else if (isJsonObject(value)) {
    // Pulumi marks what is serialized as an object.
    if (signatureKey in value) {
      yield issue("must be plain JSON, not an asset, archive or resource");
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      const forbidden = forbiddenCharacter(key);
      if (forbidden) yield issue(`must not have a key with ${forbidden}`);
      else yield* findIssues(item, [...path, key]);
    }
  }
}

function forbiddenCharacter(value: string): string | undefined {
  if (value.includes("\0")) return "a NUL character, which authentik cannot store";
  // Case `body.lone-surrogate`.
  if (unpairedSurrogate.test(value)) return "an unpaired surrogate, which is not valid Unicode";
  return undefined;
}
