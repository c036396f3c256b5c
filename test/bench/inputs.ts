/** What both programs declare: the number-th invitation, for the team that the configuration names. */
export function inputsOf(number: number, team: string) {
  return {
    name: `bench-${number}`,
    expires: "2035-01-31T12:00:00Z",
    singleUse: true,
    flow: "default-source-enrollment",
    fixedData: { email: `person-${number}@example.com`, attributes: { team } },
  };
}
