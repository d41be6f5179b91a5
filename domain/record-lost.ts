/** The cause of an AdapterError `corrupt` where a record that a log should hold is not there at all. */
export class RecordLost extends Error {
  override readonly name = "RecordLost";
  constructor() {
    super("it is missing");
  }
}
