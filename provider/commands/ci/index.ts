import { writeFileSync } from "node:fs";
import { defineCommand, flag, messageOf, string, UsageError } from "../command";
import { rejectedExitCode } from "../state-code";
import { foundExitCode, hasFindings, runAudit } from "./audit";
import { formatLog } from "./comment";
import { connectForge, type ReportKind } from "./forge";
import { parsePreview } from "./preview";
import { logToStandardError, packageCommand, printLines, runCaptured, runLogged } from "./programs";
import { publish } from "./publish";
import { redactLine } from "./redact";
import { type Report, readReport } from "./report";
import { readSettings, requireVariable, type Settings } from "./settings";

export const ciCommand = defineCommand({
  usage: `Usage: pulumi-authentik-invitations ci (preview | up | drift | report preview | report drift)
       [--stack <name>] [--markdown]

Runs Pulumi in a CI pipeline and reports the result on GitHub, GitLab, Gitea or Forgejo. Without one of them, writes the report as
Markdown to the file GITHUB_STEP_SUMMARY or to standard output, and the log to standard error.

  ci preview         previews a pull or merge request, and posts the preview as a single comment
  ci up              checks the state, recovers an interrupted run, if there is one, and applies the changes
  ci drift           checks the state, looks for drift and undeclared invitations, and reports them as a single issue, which it
                     closes when there are none
  ci report preview  posts the preview that another job has written to REPORT_FILE
  ci report drift    the same for drift

With REPORT_FILE, preview and drift only write their results to that file. So the job that runs the program needs no token that can
write comments, and the job that has this token runs no program.

Options:
  --stack <name>  the stack (default: PULUMI_STACK)
  --markdown      do not post the report, but write it as Markdown
  --help          print this help

Environment variables:
  GITHUB_TOKEN or GH_TOKEN, GITLAB_TOKEN, GITEA_TOKEN, FORGEJO_TOKEN
                  the token that writes comments and issues. Pulumi and the program never get it
  REPORT_FILE     the file that a report is written to or read from
  PULL_REQUEST    the number of the pull request (default on GitHub, Gitea and Forgejo: that of the event)
  REFRESH         true: up also reverts changes made outside Pulumi, and preview also shows them, for which its token must be able
                  to read invitations
  STRICT_STATE    true: also reject code in the state that other packages may have put there
  AUDIT           false: drift does not look for undeclared invitations
  AUDIT_STACKS    more stacks that manage invitations on the same server, separated by spaces
  AUDIT_FLOW, AUDIT_CREATED_BY
                  drift lists only undeclared invitations of this flow (slug), or that this user created
  AUTHENTIK_READ_TOKEN
                  a token for everything but pulumi up, which gets AUTHENTIK_TOKEN

Exit codes: that of Pulumi, or of recover if it fails; 1 if the result could not be reported or a check failed, 2 invalid usage, 3 the
state contains code of someone else. Of drift: 0 nothing found, 7 drift, or invitations that are or may be undeclared.
`,
  options: { stack: string, markdown: flag },
  allowPositionals: true,
  async run({ stack, markdown: isMarkdown = false }, positionals) {
    const [run, isReport] = parseRun(positionals);
    const settings = readSettings(stack);
    if (run === "up") return (await recover("up", settings)) || (await runUp(settings));
    if (!isReport) return await check(run, settings, isMarkdown);
    const forge = connectForge(run, isMarkdown);
    await publish(settings.stack, readReport(requireVariable("REPORT_FILE", /./), run), forge);
    return 0;
  },
});

async function runUp({ stack, isRefreshed }: Settings): Promise<number> {
  const refresh = isRefreshed ? ["--refresh"] : [];
  return await runLogged(["pulumi", "up", "--yes", "--diff", ...refresh, ...pulumiOptions(stack)], "write");
}

/** What to run, and whether only to report what another job has found. */
type Run = readonly ["up", false] | readonly [ReportKind, boolean];

function parseRun(words: readonly string[]): Run {
  const runs = new Map<string, Run>([
    ["preview", ["preview", false]],
    ["up", ["up", false]],
    ["drift", ["drift", false]],
    ["report preview", ["preview", true]],
    ["report drift", ["drift", true]],
  ]);
  const run = runs.get(words.join(" "));
  if (run === undefined) throw new UsageError("ci requires one of preview, up, drift, report preview and report drift");
  return run;
}

/** Previews or looks for drift, and reports the result. */
async function check(kind: ReportKind, settings: Settings, isMarkdown: boolean): Promise<number> {
  const { stack, reportFile, isAudited } = settings;
  // Missing and invalid settings fail here, before Pulumi runs.
  const forge = reportFile === undefined ? connectForge(kind, isMarkdown) : undefined;
  if (forge !== undefined && forge.runUrl === undefined) logToStandardError();
  if (kind === "drift") {
    const code = await recover(kind, settings);
    if (code !== 0) return code;
  }
  const { result, preview } = await runPreview(kind, settings);
  if (kind === "drift" && result.code !== 0 && result.code !== foundExitCode) return result.code;
  const audited = kind === "drift" && isAudited ? await runAudit(settings) : undefined;
  const code = audited?.failure !== undefined ? 1 : hasFindings(audited) ? foundExitCode : result.code;
  const report = { kind, result, preview, audited };
  try {
    if (forge) await publish(stack, report, forge);
    else writeFileSync(reportFile ?? "", JSON.stringify(report));
    return code;
  } catch (error) {
    process.stderr.write(`${redactLine(messageOf(error))}\n`);
    // What could not be reported must fail the pipeline.
    return code === 0 || code === foundExitCode ? 1 : code;
  }
}

/** Runs `pulumi preview --json`, which hides secrets, and logs the changes and messages. */
async function runPreview(
  kind: ReportKind,
  { stack, isRefreshed }: Settings,
): Promise<Pick<Report, "result" | "preview">> {
  const refresh = kind === "drift" ? ["--refresh", "--expect-no-changes"] : isRefreshed ? ["--refresh"] : [];
  const command = ["pulumi", "preview", ...refresh, "--json", ...pulumiOptions(stack)];
  const { code, stdout, stderr } = runCaptured(command, "read");
  const preview = parsePreview(stdout, new Date());
  const isComplete = code === 0 || code === foundExitCode;
  const output = preview ? formatLog(preview, isComplete) : stdout.split("\n").map(redactLine);
  const lines = [...output, ...stderr].filter((line) => line.trim() !== "");
  await printLines(lines);
  return { result: { code, lines }, preview };
}

function pulumiOptions(stack: string): string[] {
  return ["--stack", stack, "--suppress-progress", "--non-interactive", "--color", "never"];
}

/**
 * Runs `recover`, which checks that the state contains no foreign code. Before `up`, it also moves what a killed run created into the state, so
 * that `pulumi up` does not create it again. Returns 0 if Pulumi can run.
 */
async function recover(run: "up" | "drift", { stack, isStrict }: Settings): Promise<number> {
  const options = [run === "up" ? "--yes" : "--check", ...(isStrict ? ["--strict"] : []), "--stack", stack];
  // It only reads from authentik, including the event log, which the account of `up` need not.
  const code = await runLogged(packageCommand("recover", ...options), "read");
  if (code === 0) return 0;
  const reason =
    code === rejectedExitCode
      ? "It would have run code that someone has put into the state, with the credentials of this job."
      : run === "up"
        ? "It could create again what an interrupted run created. The output says why. Resolve that, and run this job again."
        : "The output says why.";
  process.stderr.write(`recover failed with exit code ${code}, so Pulumi was not run. ${reason}\n`);
  return code;
}
