import { z } from "zod";

/**
 * Levels of nesting that are taken. Case `body.deep-200` was read back by both servers; at some 300 levels authentik saves what it
 * then cannot read, which breaks every list page that holds it (case `expiry.deep.list`).
 */
const deepest = 200;

/** How Pulumi marks assets, archives and resources when it sends them as objects. */
const pulumiObject = "4dabf18193072939515e22adb298388d";

/** The data that an invitation carries into the enrolment: any JSON object that authentik can read back as it was written. */
export const fixedData = z.unknown().superRefine((value, context) => {
  if (!isObject(value)) {
    context.addIssue({ code: "custom", message: "must be an object" });
    return;
  }
  for (const { path, message } of faultsIn(value, [])) context.addIssue({ code: "custom", path, message });
});

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Path = readonly (string | number)[];

function* faultsIn(value: unknown, path: Path): Generator<{ path: (string | number)[]; message: string }> {
  const fault = (message: string): { path: (string | number)[]; message: string } => ({ path: [...path], message });
  if (path.length > deepest) {
    yield {
      path: path.slice(0, 3),
      message: `is nested more than ${deepest} levels deep: authentik could not read it back`,
    };
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) yield fault("must be a finite number");
    else if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      yield fault(
        "is an integer beyond ±9007199254740991 (2^53 - 1): Pulumi's numbers cannot hold it exactly, and authentik cannot read back integers beyond 64 bits; give it as a string",
      );
    }
  } else if (typeof value === "string") {
    const message = textFault(value);
    if (message) yield fault(message);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* faultsIn(item, [...path, index]);
  } else if (isObject(value)) {
    if (pulumiObject in value) {
      yield fault("must be plain JSON, no asset, archive or resource");
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      const message = textFault(key);
      if (message) yield fault(`has a key that ${message}`);
      else yield* faultsIn(item, [...path, key]);
    }
  }
}

function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "holds a NUL character, which authentik cannot store";
  // Without its other half a surrogate is no character: case `body.lone-surrogate`.
  if (/\p{Surrogate}/u.test(text)) return "holds half of a surrogate pair, which is no Unicode text";
  return undefined;
}
