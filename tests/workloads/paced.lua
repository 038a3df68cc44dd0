-- Each connection of wrk waits for so many milliseconds before it asks.
function delay()
   return math.random(10, 50)
end
