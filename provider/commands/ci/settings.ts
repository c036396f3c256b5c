import { UsageError } from "../command";

const slugPattern = /^[\w-]+$/;
const stackPattern = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,2}$/;

export type Settings = ReturnType<typeof readSettings>;

/** Reads the settings from the option and the environment variables. Missing and invalid ones fail before Pulumi runs. */
export function readSettings(stack: string | undefined) {
  const auditStacks = (process.env["AUDIT_STACKS"] ?? "").split(/\s+/).filter((name) => name !== "");
  if (auditStacks.some((name) => !stackPattern.test(name))) {
    throw new UsageError(
      `AUDIT_STACKS must be stack names separated by spaces, each of which matches ${stackPattern.source}.`,
    );
  }
  if (stack !== undefined && !stackPattern.test(stack))
    throw new UsageError(`--stack must match ${stackPattern.source}.`);
  return {
    stack: stack ?? requireVariable("PULUMI_STACK", stackPattern),
    /** Whether `up` also reverts changes made outside Pulumi, and `preview` shows them. */
    isRefreshed: isEnabled("REFRESH", false),
    /** Whether `recover` rejects code of other packages in the state. */
    isStrict: isEnabled("STRICT_STATE", false),
    /** Whether `drift` runs `audit`. */
    isAudited: isEnabled("AUDIT", true),
    /** More stacks that `audit` reads. */
    auditStacks,
    /** Limit what `audit` lists: the slug of a flow, and who created the invitations. */
    auditFlow: optionalVariable("AUDIT_FLOW", slugPattern),
    auditCreatedBy: optionalVariable("AUDIT_CREATED_BY", /^[^\p{Cc}]*$/u),
    /** The file that the report is written to, instead of a forge. */
    reportFile: optionalVariable("REPORT_FILE", /./),
  };
}

function isEnabled(name: string, byDefault: boolean): boolean {
  const value = process.env[name] || String(byDefault);
  if (value !== "true" && value !== "false") throw new UsageError(`${name} must be true or false.`);
  return value === "true";
}

export function requireVariable(name: string, pattern: RegExp): string {
  const value = optionalVariable(name, pattern);
  if (value === undefined) throw new UsageError(`${name} is not set.`);
  return value;
}

/** Pipelines set variables that have no value to the empty string. */
function optionalVariable(name: string, pattern: RegExp): string | undefined {
  const value = process.env[name] ?? "";
  if (value === "") return undefined;
  if (!pattern.test(value)) throw new UsageError(`${name} must match ${pattern.source}.`);
  return value;
}
