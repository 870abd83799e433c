"""The third back end of conditions: logic, in which they are proved and refuted. Nothing that runs journeys loads it."""
