/** The CEL library, in one place. */
export {
  Environment,
  EvaluationError,
  Optional,
  ParseError,
  TypeError as CelTypeError,
  type ASTNode,
} from "@marcbachmann/cel-js";
export { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";
