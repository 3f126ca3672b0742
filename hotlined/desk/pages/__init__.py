"""One module for each page, with a table `PAGES` of what it serves; `hotlined.desk.app` collects them."""
