import type { Authentik } from "../sandbox";

/** What somebody clicked together in authentik, for `examples/taking-over`. */
export async function clickTogether(server: Authentik): Promise<void> {
  const post = async (path: string, fields: Record<string, unknown>): Promise<string> => {
    const { status, body } = await server.request("POST", `/api/v3/${path}`, fields);
    if (status !== 201) throw new Error(`POST ${path} answered ${status}: ${JSON.stringify(body)}`);
    return (body as { pk: string }).pk;
  };
  const flow = await post("flows/instances/", {
    name: "Staff enrolment",
    slug: "staff-enrollment",
    title: "Welcome to the staff",
    designation: "enrollment",
    authentication: "require_unauthenticated",
  });
  const stages = [await post("stages/invitation/stages/", { name: "Staff invitation" })];
  for (const name of [
    "default-source-enrollment-prompt",
    "default-password-change-prompt",
    "default-source-enrollment-write",
    "default-source-enrollment-login",
  ]) {
    const { body } = await server.request("GET", `/api/v3/stages/all/?name=${name}`);
    stages.push(...(body as { results: { pk: string }[] }).results.map(({ pk }) => pk));
  }
  for (const [index, stage] of stages.entries()) {
    await post("flows/bindings/", { target: flow, stage, order: index * 10, re_evaluate_policies: index === 0 });
  }
  const invitation = async (fields: Record<string, unknown>): Promise<string> =>
    await post("stages/invitation/invitations/", { flow, expires: "2030-12-31T23:59:59Z", ...fields });
  await invitation({ name: "jane", single_use: true, fixed_data: { email: "jane@example.com", name: "Jane" } });
  await invitation({
    name: "contractors",
    fixed_data: { attributes: { kind: "contractor", sites: ["Bern", "Wien"] } },
  });
  // Names are not unique.
  await invitation({ name: "contractors", expires: "2031-12-31T23:59:59Z" });
  await invitation({ name: "summer-2020", expires: "2020-08-31T23:59:59Z" });
}
