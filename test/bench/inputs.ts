/** The inputs that both programs declare. */
export function buildInputs(index: number, team: string) {
  return {
    name: `bench-${index}`,
    expires: "2035-01-31T12:00:00Z",
    singleUse: true,
    flow: "default-source-enrollment",
    fixedData: { email: `person-${index}@example.com`, attributes: { team } },
  };
}
