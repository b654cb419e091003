/** These parameters can never be delivered as the action asks: reason `invalid_parameters`. */
export class InvalidParameters extends Error {
  override name = "InvalidParameters";
}
