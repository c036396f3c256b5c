/** What the program declares and the checks look for. */
export const declared = { expires: "2035-01-31T12:00:00Z", validFor: "14d", team: "live" };

/** What somebody made by hand, in the words of the program. */
export const handmade = {
  expires: "2034-06-30T08:15:00Z",
  singleUse: true,
  fixedData: { attributes: { madeBy: "hand" } },
};
