import { ExpectationError } from "./processes";

interface Challenge {
  readonly component: string;
  readonly fields?: readonly { readonly field_key: string }[];
  readonly error_message?: string;
}

/**
 * Enrolls as an invitee does in a browser: opens the link, then answers each prompt of the flow. `answers` are keyed by field, such as
 * `username`. The page at the link is only a script that calls the flow executor.
 */
export async function enroll(link: string, answers: Readonly<Record<string, string>>): Promise<void> {
  const page = await fetch(link);
  if (page.status !== 200) throw new ExpectationError(`authentik responded with ${page.status} to an invitation link.`);
  const executor = new URL(link.replace("/if/flow/", "/api/v3/flows/executor/"));
  executor.search = new URLSearchParams({ query: executor.search.slice(1) }).toString();

  const start = await fetch(executor);
  const cookie = (start.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  let challenge = (await start.json()) as Challenge;
  while (challenge.component === "ak-stage-prompt") {
    const { component, fields = [] } = challenge;
    const response = Object.fromEntries(fields.map(({ field_key: key }) => [key, answers[key]]));
    const posted = await fetch(executor, {
      method: "POST",
      headers: { cookie, "content-type": "application/json" },
      body: JSON.stringify({ component, ...response }),
    });
    challenge = (await posted.json()) as Challenge;
  }
  // authentik redirects to the start page after the last stage.
  if (challenge.component !== "xak-flow-redirect") {
    const reason = challenge.error_message ?? challenge.component;
    throw new ExpectationError(`The flow did not complete the enrollment: ${reason}.`);
  }
}
