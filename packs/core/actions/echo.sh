# Writes the parameter "message", without a newline after it.
. "${0%/*}/read_dotenv.sh"

message=
while next_param; do
  [ "$KEY" = message ] && message=$VALUE
done
printf %s "$message"
